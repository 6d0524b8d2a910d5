import Identity
import Modules

/// Reservations of products that run elsewhere, each with a service key.
struct RemoteReservationRoutes {
    let serviceKey: ServiceKeyRequirement
    let entitlement: EntitlementRequirement
    let reservations: RemoteReservationService
    let rates: PlanRateService

    var routes: [Route] {
        let routes: [Route] = [
            .post(
                "entitlements/reservations",
                "Reserve units for work that is done elsewhere",
                requires: serviceKey, entitlement,
                problems: [.unknownMeter, .quotaExceeded, .operationConflict]
            ) { (hold: RemoteHold, scope, entitlement) in
                Created(try await reservations.reserve(hold, entitlement: entitlement, scope: scope))
            },
            .post(
                "entitlements/reservations/{id}/commit",
                "Commit a reservation: its units are used",
                requires: serviceKey, .path("id", of: Reservation.self),
                problems: [.reservationSettled]
            ) { (commit: RemoteCommit, scope, id) in
                try await reservations.commit(id, units: commit.units, scope: scope)
            },
            .post(
                "entitlements/reservations/{id}/release",
                "Release a reservation: its units are available again",
                requires: serviceKey, .path("id", of: Reservation.self),
                problems: [.reservationSettled]
            ) { scope, id in try await reservations.release(id, scope: scope) },
            .post(
                "entitlements/reservations/{id}/heartbeat",
                "Renew the lease of a reservation",
                requires: serviceKey, .path("id", of: Reservation.self),
                problems: [.reservationSettled]
            ) { (heartbeat: RemoteHeartbeat, scope, id) in
                try await reservations.extend(id, leaseSeconds: heartbeat.leaseSeconds, scope: scope)
            },
        ]
        return routes.map { $0.guarded(by: rates.requirement(.checks)) }
    }
}
