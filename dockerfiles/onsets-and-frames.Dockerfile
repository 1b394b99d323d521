# WAV to MIDI.
# DOCKER_BUILDKIT=0 docker build --network=host -f dockerfiles/onsets-and-frames.Dockerfile -t aeolian/onsets-and-frames:0.1.0 .
FROM python:3.11-slim-bookworm AS build
RUN python3 -m venv /venv
COPY requirements/onsets-and-frames.txt /tmp/requirements.txt
RUN /venv/bin/pip install --no-cache-dir --no-compile --no-deps -r /tmp/requirements.txt
COPY pyproject.toml README.md /tmp/aeolian/
COPY src /tmp/aeolian/src
RUN /venv/bin/pip install --no-cache-dir --no-compile --no-deps /tmp/aeolian

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="aeolian/onsets-and-frames" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin aeolian
COPY --from=build /venv /venv
COPY containers/onsets-and-frames /src
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 MPLCONFIGDIR=/tmp/matplotlib HOME=/tmp
WORKDIR /src
USER aeolian
CMD ["python3"]
