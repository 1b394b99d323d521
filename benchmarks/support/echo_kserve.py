"""KServe's server with a model that gives back what it gets, as its guides write one. Run by kserve's environment."""

from kserve import InferOutput, InferResponse, Model, ModelServer


class Echo(Model):
    def __init__(self):
        super().__init__("echo")
        self.ready = True

    async def predict(self, payload, headers=None, response_headers=None):
        array = payload.inputs[0].as_numpy()
        asked = (payload.parameters or {}).get("binary_data_output")
        output = InferOutput("y", list(array.shape), "FP32")
        output.set_data_from_numpy(array, binary_data=bool(getattr(asked, "bool_param", asked)))
        return InferResponse(payload.id or "", "echo", [output])


if __name__ == "__main__":
    ModelServer(workers=1, enable_docs_url=False).start([Echo()])
