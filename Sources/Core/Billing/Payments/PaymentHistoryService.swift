import Identity
import Modules

/// Lists payments: one's own; all, for administrators.
final class PaymentHistoryService: Sendable {
    private let database: any Database

    init(database: any Database) { self.database = database }

    /// - Parameter filter: of an administrator; that of others is limited to their organisation.
    /// - Throws: `insufficient-role` for another's payments.
    func list(_ filter: PaymentFilter, scope: Scope, limit: Int, offset: Int) async throws(Problem) -> Page<PaymentView>
    {
        var filter = filter
        if scope.role != .admin {
            guard filter.organisation == nil, filter.person == nil || filter.person == scope.person else {
                throw Problem(.insufficientRole)
            }
            filter.organisation = scope.organisation
        }
        let (rows, total) = try await database.read { [filter] in
            try $0.payments(filter, limit: limit, offset: offset)
        }
        return Page(data: rows.map { PaymentView($0) }, total: total, limit: limit, offset: offset)
    }
}
