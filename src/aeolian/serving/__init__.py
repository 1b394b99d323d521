"""What Aeolian does, as a service: the V2 inference protocol over HTTP and gRPC. Models are known by name only."""
