"""What becomes of calls that a server undoes, refuses or does not know: a gRPC server that answers as a pachd does."""

from concurrent.futures import ThreadPoolExecutor

import pytest

grpc = pytest.importorskip("grpc", reason="needs grpcio")
pfs = pytest.importorskip("pachyderm_sdk.api.pfs", reason="needs pachyderm-sdk")

from aeolian.cluster.connection import Connection, NotThere, clean  # noqa: E402
from aeolian.cluster.platform import ClusterPlatform  # noqa: E402
from aeolian.errors import AeolianError, UsageError  # noqa: E402
from aeolian.platform.addresses import parse_address  # noqa: E402
from aeolian.platform.contexts import Context  # noqa: E402
from aeolian.platform.sources.selection import Item  # noqa: E402

ROLLED_BACK = "rpc error: code = Unknown desc = commit unexpectedly resulted in rollback"
ID = "f" * 32


class Server(grpc.GenericRpcHandler):
    """Keeps what each ModifyFile brought; the first `undone` of them are undone. Everything else fails with `said`."""

    def __init__(self, undone=0, code=grpc.StatusCode.UNKNOWN, said=""):
        self.undone, self.code, self.said = undone, code, said
        self.puts = []

    def service(self, details):
        name = details.method.rpartition("/")[2]
        if name == "ModifyFile":
            return grpc.stream_unary_rpc_method_handler(
                self.modify, pfs.ModifyFileRequest.FromString, lambda answer: bytes(answer)
            )
        if name == "InspectCommit" and not self.said:
            return grpc.unary_unary_rpc_method_handler(
                lambda request, context: pfs.CommitInfo(commit=pfs.Commit(id=ID)), None, lambda answer: bytes(answer)
            )
        return grpc.unary_unary_rpc_method_handler(lambda request, context: context.abort(self.code, self.said))

    def modify(self, requests, context):
        self.puts.append([(each.add_file.path, each.add_file.raw) for each in requests if each.add_file.path])
        if self.undone:
            self.undone -= 1
            context.abort(grpc.StatusCode.UNKNOWN, ROLLED_BACK)
        return pfs.ModifyFileRequest()


@pytest.fixture
def serve():
    started = []

    def start(**how):
        handler = Server(**how)
        server = grpc.server(ThreadPoolExecutor(2), handlers=[handler])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        started.append(server)
        return handler, Context("test", f"127.0.0.1:{port}")

    yield start
    for server in started:
        server.stop(0).wait()


def put(platform, items):
    place = parse_address("in@master:/")
    return platform.put_files(place, items, report=lambda done, total, note: None)


def test_a_put_that_was_undone_is_sent_anew_and_whole(serve, tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"22")
    handler, context = serve(undone=2)
    with ClusterPlatform(context) as platform:
        done = put(platform, [Item(str(tmp_path / name), f"/{name}") for name in "ab"])
    assert handler.puts == [[("/a", b"1"), ("/b", b"22")]] * 3
    assert (done.files, done.size, done.commit) == (2, 3, ID)


def test_what_can_be_read_once_is_not_sent_twice(serve, tmp_path):
    handler, context = serve(undone=1)
    (tmp_path / "a").write_bytes(b"1")
    with (
        ClusterPlatform(context) as platform,
        (tmp_path / "a").open("rb") as stream,
        pytest.raises(UsageError, match="rollback"),
    ):
        put(platform, [Item(stream, "/a")])
    assert handler.puts == [[("/a", b"1")]]


def test_what_cannot_be_read_is_told_rather_than_a_broken_stream(serve, tmp_path):
    _, context = serve()
    with ClusterPlatform(context) as platform, pytest.raises(UsageError, match="cannot be read: No such file"):
        put(platform, [Item(str(tmp_path / "none"), "/none")])


@pytest.mark.parametrize(
    ("code", "said", "kind", "told"),
    [
        ("NOT_FOUND", "repo default/in not found", NotThere, "repo default/in not found"),
        ("UNKNOWN", "rpc error: code = Unknown desc = branch x not found", NotThere, "branch x not found"),
        ("ALREADY_EXISTS", "repo in already exists", UsageError, "already exists"),
        ("UNAUTHENTICATED", "token expired", UsageError, "pachctl auth login"),
        ("UNIMPLEMENTED", "unknown method", AeolianError, "Aeolian speaks to Pachyderm 2.12"),
        ("UNAVAILABLE", "Socket closed", AeolianError, "was lost: Socket closed"),
        ("UNAVAILABLE", "commit in@x not finished", UsageError, "not finished"),
        ("DEADLINE_EXCEEDED", "deadline", AeolianError, "deadline"),
    ],
)
def test_what_a_failure_means(serve, code, said, kind, told):
    _, context = serve(code=grpc.StatusCode[code], said=said)
    pachd = Connection(context)
    with pytest.raises(AeolianError, match=told) as error:
        pachd.call(pachd.pfs.inspect_repo, repo=pfs.Repo(name="in"))
    pachd.close()
    assert type(error.value) is kind


def test_the_wrappings_of_an_error_are_left_out():
    inner = "rpc error: code = Unknown desc = rpc error: code = NotFound desc = repo in not found."
    assert clean(inner) == "repo in not found"
    assert clean("plain") == "plain"
