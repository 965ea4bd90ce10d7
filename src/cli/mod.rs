//! The command line: a file per subcommand; errors to exit codes.
