# The agent by itself, for Kubernetes and ECS: nothing but the layer is needed. From the project's
# folder:
#
#   ./build_layer.sh --arch x86_64
#   docker build -f examples/image/agent.Dockerfile -t fastext .
FROM public.ecr.aws/docker/library/busybox:1.37 AS layer
COPY dist/fastext-x86_64.zip /layer.zip
RUN unzip -q /layer.zip -d /layer

FROM scratch
COPY --from=layer /layer/ /opt/
USER 65532:65532
ENTRYPOINT ["/opt/extensions/fastext"]
