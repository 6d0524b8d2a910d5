package import Modules

/// Events, venues, providers and bookings, whose payments are held and paid out once.
package struct MarketplaceModule: Module {
    package let routes: [Route] = []
    package let workers: [Worker] = []
    package let schedules: [Schedule] = []

    package init() {}

    package static let migrations: [Migration] = []
    package static let invariants: [Invariant] = []
    package var migrations: [Migration] { Self.migrations }
}
