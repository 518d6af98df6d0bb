# icalbridge in a container: slim, not as root, one tree of processes. docs/deploy/README.md has the
# steps; compose.yaml runs it with PostgreSQL and nginx.
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /app
COPY requirements.txt ./
RUN python -m pip install --require-hashes -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY icalbridge icalbridge
COPY templates templates
RUN python -m pip install --no-deps .

# The SQLite database. Any user of group 0 may write there: some platforms choose the user.
RUN mkdir -p -m 0770 /var/lib/icalbridge
VOLUME /var/lib/icalbridge
ENV STATE_DIRECTORY=/var/lib/icalbridge PORT=8000
USER 10001:0

EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/healthz', timeout=4)"]
CMD ["icalbridge", "serve", "--host", "0.0.0.0"]
