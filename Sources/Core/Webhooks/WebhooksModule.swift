package import Modules

/// Sends events to the endpoints of products elsewhere (Standard Webhooks).
package struct WebhooksModule: Module {
    package let routes: [Route] = []
    package let workers: [Worker] = []
    package let schedules: [Schedule] = []

    package init() {}

    package static let migrations: [Migration] = []
    package static let invariants: [Invariant] = []
    package var migrations: [Migration] { Self.migrations }
}
