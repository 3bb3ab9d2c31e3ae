# One image for every role: `muster worker` as an agent or a site worker, `muster shipper`, and the verbs of people.

FROM node:22-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --include=dev
COPY . .
RUN npm run build && npm prune --omit=dev

FROM node:22-bookworm-slim
# The programs that backups and restores are made with. An agent needs them as new as the server it protects.
# Debian would make and start a database cluster of its own with the server: not in here.
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates postgresql-common \
  && echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.d/no-main.conf \
  && apt-get install -y --no-install-recommends \
    age bind9-dnsutils iproute2 openssh-client postgresql-15 procps tar util-linux zstd \
  && rm -rf /var/lib/apt/lists/*
ENV NODE_ENV=production \
  PATH=/app/bin:/usr/lib/postgresql/15/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  MUSTER_CONFIG=/etc/muster/muster.yaml \
  MUSTER_KEYS=/etc/muster/keys \
  MUSTER_HOME=/var/lib/muster/state
COPY --from=build /app/package.json /app/package-lock.json /app/
COPY --from=build /app/bin /app/bin
COPY --from=build /app/dist /app/dist
COPY --from=build /app/scripts/versions.json /app/scripts/
COPY --from=build /app/node_modules /app/node_modules
WORKDIR /
CMD ["muster", "help"]
