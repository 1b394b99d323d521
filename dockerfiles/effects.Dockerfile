# Recordings through chains of effects: filters, echoes, rooms, dynamics, loudness.
# make images, or: docker build -f dockerfiles/effects.Dockerfile -t aeolian/effects:0.1.0 .
FROM python:3.11-slim-bookworm AS packages
COPY requirements/effects.txt /tmp/requirements.txt
# No pip, no tests, no headers in the image. Bytecode is made once, here: nothing can be written at run time, and
# compiling at each start would cost seconds. compileall fails on templates that are no Python; that harms nothing.
RUN python3 -m venv --without-pip /venv \
    && pip --python /venv/bin/python3 install --no-cache-dir --no-compile --no-deps -r /tmp/requirements.txt \
    && echo /app > "$(/venv/bin/python3 -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/aeolian.pth" \
    && find /venv -type d -name tests -prune -exec rm -rf {} + \
    && (/venv/bin/python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /venv > /dev/null || true)

FROM python:3.11-slim-bookworm AS code
# One layer, the last: a change of code rebuilds nothing else.
COPY src /app
COPY containers/effects /src
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /app && mkdir /code && mv /app /src /code/

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="aeolian/effects" \
      org.opencontainers.image.description="Recordings through chains of effects" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.vendor="Aeolian" \
      org.opencontainers.image.base.name="python:3.11-slim-bookworm" \
      org.opencontainers.image.licenses="Apache-2.0"
# The first user of nearly every Linux desktop, so that a mounted folder can be written; in numbers, as Kubernetes wants it
# to see that this is not root.
RUN groupadd --gid 1000 aeolian \
    && useradd --uid 1000 --gid 1000 --no-create-home --shell /usr/sbin/nologin aeolian
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp
COPY --from=packages /venv /venv
COPY --from=code /code /
WORKDIR /src
USER 1000:1000
ENTRYPOINT ["python3"]
CMD ["effects.py", "--help"]
