"""The V2 protocol over gRPC, with Triton's stream."""
