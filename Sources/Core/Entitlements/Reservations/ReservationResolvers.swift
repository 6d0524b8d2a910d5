package import Modules
import Synchronization

/// Decides what happened to work whose reservation expired, by the name in ``Reservation/ExpiryPolicy/resolve(_:)``.
/// Modules register their resolvers when they are built.
///
/// ```swift
/// resolvers.register("documents") { reservation, transaction in
///     try transaction.document(of: reservation.id).map { .used($0.pages) } ?? .unused
/// }
/// ```
package final class ReservationResolvers: Sendable {
    /// Runs in the transaction that settles the reservation; the row is locked. It only reads the database and does no
    /// other I/O. Where it throws, the transaction is rolled back, the units stay reserved, and the next recovery calls
    /// it again.
    package typealias Resolver = @Sendable (Reservation, Transaction) throws -> Reservation.Resolution

    private let resolvers = Mutex<[String: Resolver]>([:])

    package init() {}

    /// Registers a resolver before the process serves, in each process that runs the recovery.
    /// - Parameter name: stored with each reservation; it must not change between releases.
    package func register(_ name: String, _ resolver: @escaping Resolver) {
        let earlier = resolvers.withLock { $0.updateValue(resolver, forKey: name) }
        precondition(earlier == nil, "the resolver '\(name)' is registered twice")
    }

    subscript(name: String) -> Resolver? { resolvers.withLock { $0[name] } }
}
