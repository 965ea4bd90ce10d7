//! The measuring HTTP client: plain async, testable without a fiber.
