# MIDI to TFRecord, and training.
# make images, or: docker build -f dockerfiles/musictransformer.Dockerfile -t aeolian/musictransformer:0.1.0 .
FROM python:3.11-slim-bookworm AS packages
# With NVIDIA's libraries: --build-arg REQUIREMENTS=requirements/cuda/musictransformer.txt
ARG REQUIREMENTS=requirements/musictransformer.txt
COPY ${REQUIREMENTS} /tmp/requirements.txt
# No pip, no tests, no headers in the image. Bytecode is made once, here: nothing can be written at run time, and
# compiling at each start would cost seconds. compileall fails on templates that are no Python; that harms nothing.
RUN python3 -m venv --without-pip /venv \
    && pip --python /venv/bin/python3 install --no-cache-dir --no-compile --no-deps -r /tmp/requirements.txt \
    && echo /app > "$(/venv/bin/python3 -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/aeolian.pth" \
    && rm -rf /venv/lib/python3*/site-packages/tensorflow/include \
    && find /venv -type d -name tests -prune -exec rm -rf {} + \
    && (/venv/bin/python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /venv > /dev/null || true)

FROM python:3.11-slim-bookworm AS models
# Which folders of trained-models/ the image carries, to be trained on: --build-arg MODELS="NAME NAME" takes others.
ARG MODELS="aeolian-piano-*"
COPY trained-models /all
RUN mkdir /trained-models && cd /all \
    && for model in $MODELS; do if [ -d "$model" ]; then cp -r "$model" /trained-models/; fi; done

FROM python:3.11-slim-bookworm AS code
# One layer, the last: a change of code rebuilds nothing else.
COPY src /app
COPY containers/musictransformer /src
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /app && mkdir /code && mv /app /src /code/

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="aeolian/musictransformer" \
      org.opencontainers.image.description="MIDI to TFRecord, and the training of models" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.vendor="Aeolian" \
      org.opencontainers.image.base.name="python:3.11-slim-bookworm" \
      org.opencontainers.image.licenses="Apache-2.0 AND GPL-2.0-only"
# The first user of nearly every Linux desktop, so that a mounted folder can be written; in numbers, as Kubernetes wants it
# to see that this is not root.
RUN groupadd --gid 1000 aeolian \
    && useradd --uid 1000 --gid 1000 --no-create-home --shell /usr/sbin/nologin aeolian
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 MPLCONFIGDIR=/tmp/matplotlib HOME=/tmp
COPY --from=packages /venv /venv
COPY --from=models /trained-models /trained-models
COPY --from=code /code /
WORKDIR /src
USER 1000:1000
ENTRYPOINT ["python3"]
CMD ["train.py", "--help"]
