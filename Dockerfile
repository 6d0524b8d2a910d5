# The image of Gatehouse. docs/operations.md tells how it is used; scripts/image builds it without an image registry.

# Both are of one release of Debian: the program is linked with the libraries of the first one.
ARG TOOLCHAIN=docker.io/library/swift:6.2-bookworm
ARG BASE=docker.io/library/debian:bookworm-slim

FROM ${TOOLCHAIN} AS toolchain
WORKDIR /source
COPY scripts/setup scripts/setup
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        dpkg-dev binutils libgfortran-12-dev python3-minimal \
    && scripts/setup build

# What `docker compose run tests` runs.
FROM toolchain AS tests
COPY . .
ENTRYPOINT ["./test"]

# The program with its libraries. A build context of this name takes its place, where that is built already.
FROM toolchain AS program
COPY Package.swift ./
COPY Sources Sources
COPY Tests Tests
COPY Examples Examples
COPY scripts scripts
RUN scripts/package --program /program

# Debian with the libraries and the programs that the server starts, without what it does not use.
FROM ${BASE} AS debian
# Further packages, for commands of workflows. With any of them nothing of Debian is left out.
ARG PACKAGES=""
COPY --from=program /program/packages /program/libraries /usr/share/gatehouse/
COPY --from=program /program/doc /usr/share/doc/gatehouse
COPY --from=program /program/system /tmp/system
COPY scripts/image-system /tmp/image-system
RUN /tmp/image-system /usr/share/gatehouse/packages ${PACKAGES} \
    && ln -s ../lib/gatehouse/gatehouse /usr/bin/gatehouse

# What is left, without what was removed: a layer that stays when only the program changes.
FROM scratch AS system
COPY --from=debian / /

FROM system
COPY --from=program /program/gatehouse /usr/lib/gatehouse

ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Gatehouse" \
    org.opencontainers.image.description="Backend of paid products in one binary" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"

# The same in every container: by number, because orchestrators compare it with 0.
USER 10001:10001
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ENV ENVIRONMENT=production HOST=0.0.0.0 PORT=8080 DATA_DIR=/var/lib/gatehouse LOG_FORMAT=json
WORKDIR /var/lib/gatehouse
VOLUME /var/lib/gatehouse
EXPOSE 8080
# A stop ends requests and jobs within SHUTDOWN_TIMEOUT: give it more than its 8 seconds.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 CMD ["gatehouse", "health"]
ENTRYPOINT ["gatehouse"]
CMD ["serve"]
