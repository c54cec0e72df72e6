"""What users' data meets on its way: codecs, interceptors, tracing."""
