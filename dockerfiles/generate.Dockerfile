# New music from a model and seeds, as MIDI, WAV and picture; carries TimGM6mb.sf2 (GPL) inside the pretty_midi wheel.
# make images, or: docker build -f dockerfiles/generate.Dockerfile -t aeolian/generate:0.1.0 .
FROM python:3.11-slim-bookworm AS packages
COPY requirements/generate.txt /tmp/requirements.txt
# No pip, no tests, no headers in the image. Bytecode is made once, here: nothing can be written at run time, and
# compiling at each start would cost seconds. compileall fails on templates that are no Python; that harms nothing.
RUN python3 -m venv --without-pip /venv \
    && pip --python /venv/bin/python3 install --no-cache-dir --no-compile --no-deps -r /tmp/requirements.txt \
    && echo /app > "$(/venv/bin/python3 -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/aeolian.pth" \
    && find /venv -type d -name tests -prune -exec rm -rf {} + \
    && (/venv/bin/python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /venv > /dev/null || true)

FROM python:3.11-slim-bookworm AS models
# Which folders of trained-models/ the image carries: --build-arg MODELS="NAME NAME" takes others.
ARG MODELS="aeolian-piano-*"
COPY trained-models /all
RUN mkdir /trained-models && cd /all \
    && for model in $MODELS; do if [ -d "$model" ]; then cp -r "$model" /trained-models/; fi; done

FROM python:3.11-slim-bookworm AS code
# One layer, the last: a change of code rebuilds nothing else.
COPY src /app
COPY containers/generate /src
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /app && mkdir /code && mv /app /src /code/

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="aeolian/generate" \
      org.opencontainers.image.description="New music from a model and seeds, as MIDI, WAV and picture" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.vendor="Aeolian" \
      org.opencontainers.image.base.name="python:3.11-slim-bookworm" \
      org.opencontainers.image.licenses="Apache-2.0 AND GPL-2.0-only"
# The first user of nearly every Linux desktop, so that a mounted folder can be written; in numbers, as Kubernetes wants it
# to see that this is not root.
RUN groupadd --gid 1000 aeolian \
    && useradd --uid 1000 --gid 1000 --no-create-home --shell /usr/sbin/nologin aeolian \
    && mkdir -m 1777 /data
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 MPLCONFIGDIR=/tmp/matplotlib HOME=/tmp
COPY --from=packages /venv /venv
COPY --from=models /trained-models /trained-models
COPY --from=code /code /
WORKDIR /src
USER 1000:1000
# By itself it plays what the shipped model likes; with arguments it is `generate.py …` or `render.py …`.
ENTRYPOINT ["python3"]
CMD ["generate.py", "--save_path", "/data/my-song.mid"]
