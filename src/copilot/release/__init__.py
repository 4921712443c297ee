"""Pure: manifests in, a plan out; the states of an execution and the rules by which they change. No I/O."""
