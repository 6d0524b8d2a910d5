import Audit
import Identity
import Modules
import PDF

/// Lists invoices, shows them, and makes their PDF.
final class InvoiceQueryService: Sendable {
    private let database: any Database
    private let audit: AuditService
    /// libharu reads the font's files and compresses: not on a thread that serves requests.
    private let pool = BlockingPool(name: "pdf", threads: 1, capacity: 64)

    init(database: any Database, audit: AuditService) {
        self.database = database
        self.audit = audit
    }

    /// - Parameter organisation: nil for those of all organisations, for administrators.
    func list(_ filter: InvoiceFilter, of organisation: ID<Organisation>?, limit: Int, offset: Int)
        async throws(Problem)
        -> Page<InvoiceSummary>
    {
        try await database.read { transaction in
            let (rows, total) = try transaction.invoices(filter, of: organisation, limit: limit, offset: offset)
            let credited = try transaction.credited(of: rows.map(\.id))
            return Page(
                data: rows.map { InvoiceSummary($0, credited: credited[$0.id] ?? 0) }, total: total, limit: limit,
                offset: offset)
        }
    }

    /// - Parameter organisation: as for ``list(_:of:limit:offset:)``.
    /// - Throws: `not-found`, also for an invoice of another organisation.
    func view(_ id: ID<Invoice>, of organisation: ID<Organisation>?) async throws(Problem) -> InvoiceView {
        let (invoice, lines, creditNotes) = try await read(id, of: organisation)
        return InvoiceView(invoice, lines: lines, creditNotes: creditNotes)
    }

    /// The invoice as PDF. It is made from the stored rows, so it is always the same.
    /// - Throws: as ``view(_:of:)``; `not-configured` where the fonts are not installed; `overloaded`.
    func download(_ id: ID<Invoice>, of organisation: ID<Organisation>?) async throws(Problem) -> Download {
        let (invoice, lines, _) = try await read(id, of: organisation)
        let corrected = try await number(ofCorrectedBy: invoice)
        do {
            let bytes = try await pool.run { try InvoiceDocument(invoice, lines: lines, correcting: corrected).pdf() }
            return Download(bytes: bytes, name: "\(invoice.number).pdf", mediaType: "application/pdf")
        } catch let error as PDFError {
            if case .fontMissing = error { throw Problem(.notConfigured, cause: error) }
            throw Problem(.internalError, cause: error)
        } catch { throw Problem.wrapping(error) }
    }

    /// - Throws: `not-found` where nothing was set.
    func billingDetails(of organisation: ID<Organisation>) async throws(Problem) -> BillingDetailsBody {
        let details = try await database.read { try $0.billingDetails(of: organisation) }
        guard let details else { throw Problem(.notFound, detail: "No billing details have been set.") }
        return BillingDetailsBody(details)
    }

    /// Sets what later invoices name as the buyer.
    /// - Throws: `validation-failed`.
    func set(_ body: BillingDetailsBody, scope: Scope) async throws(Problem) -> BillingDetailsBody {
        let details = try body.details()
        return try await database.write { [audit] transaction in
            try transaction.authority(of: scope, [.owner, .admin])
            try transaction.set(details, of: scope.organisation)
            try audit.record(AuditEvent("billing-details.changed", by: scope), in: transaction)
            return BillingDetailsBody(details)
        }
    }

    private func read(_ id: ID<Invoice>, of organisation: ID<Organisation>?) async throws(Problem) -> (
        Invoice, [InvoiceLine], [Invoice]
    ) {
        let found = try await database.read { transaction -> (Invoice, [InvoiceLine], [Invoice])? in
            let invoice =
                if let organisation {
                    try transaction.invoice(id, of: organisation)
                } else {
                    try transaction.invoice(id)
                }
            guard let invoice else { return nil }
            return (invoice, try transaction.invoiceLines(of: id), try transaction.creditNotes(of: id))
        }
        guard let found else { throw Problem(.notFound, detail: "There is no such invoice.") }
        return found
    }

    private func number(ofCorrectedBy invoice: Invoice) async throws(Problem) -> String? {
        guard let corrected = invoice.corrects else { return nil }
        return try await database.read { try $0.invoice(corrected)?.number }
    }
}
