package import Modules

/// Money: payments by the provider, invoices, refunds and payouts.
package struct BillingModule: Module {
    package let routes: [Route] = []
    package let workers: [Worker] = []
    package let schedules: [Schedule] = []

    package init() {}

    package static let migrations: [Migration] = []
    package static let invariants: [Invariant] = []
    package var migrations: [Migration] { Self.migrations }
}
