"""The command line: one module for each noun. Commands parse, ask, call the engine and print."""
