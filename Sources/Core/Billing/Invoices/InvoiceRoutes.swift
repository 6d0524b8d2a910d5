import Identity
import Modules

/// Invoices and credit notes, for those who pay and for administrators.
struct InvoiceRoutes {
    let identity: IdentityModule
    let invoices: InvoiceQueryService

    var routes: [Route] {
        [
            list("payments/invoices", "List the organisation's invoices, newest first", .invoice),
            list("payments/credit-notes", "List the organisation's credit notes, newest first", .creditNote),
            .get(
                "payments/invoices/{id}", "An invoice or a credit note, with its lines and taxes", requires: payer,
                .path("id", of: Invoice.self)
            ) { [invoices] in try await invoices.view($1, of: $0.organisation) },
            .get(
                "payments/invoices/{id}/download", "An invoice or a credit note as PDF", requires: payer,
                .path("id", of: Invoice.self), problems: [.notConfigured, .overloaded]
            ) { [invoices] in try await invoices.download($1, of: $0.organisation) },
            .get(
                "payments/billing-details", "What the organisation's invoices name as the buyer", requires: payer,
                problems: [.notFound]
            ) { [invoices] scope in try await invoices.billingDetails(of: scope.organisation) },
            .put(
                "payments/billing-details", "Set what later invoices name as the buyer", requires: payer
            ) { [invoices] (body: BillingDetailsBody, scope) in try await invoices.set(body, scope: scope) },
        ] + administration
    }

    /// The roles of an organisation that pay.
    private var payer: OrganisationRoleRequirement { identity.organisation(.owner, .admin) }

    private func list(_ path: String, _ summary: String, _ kind: Invoice.Kind) -> Route {
        .get(
            path, summary, requires: payer, .query("limit", 1...200, default: 50),
            .query("offset", 0...1_000_000, default: 0)
        ) { [invoices] scope, limit, offset in
            try await invoices.list(InvoiceFilter(kind: kind), of: scope.organisation, limit: limit, offset: offset)
        }
    }

    private var administration: [Route] {
        [
            .get(
                "admin/invoices", "List invoices or credit notes of all organisations, newest first",
                requires: identity.role(.admin), .query("kind", oneOf: Invoice.Kind.allCases.map(\.rawValue)),
                .query("year", 0...9_999, default: 0), .query("number", upTo: 40),
                .query("limit", 1...200, default: 50), .query("offset", 0...1_000_000, default: 0)
            ) { [invoices] _, kind, year, number, limit, offset in
                let filter = InvoiceFilter(
                    kind: kind.flatMap(Invoice.Kind.init) ?? .invoice, year: year == 0 ? nil : year, number: number)
                return try await invoices.list(filter, of: nil, limit: limit, offset: offset)
            },
            .get(
                "admin/invoices/{id}", "An invoice or a credit note of any organisation",
                requires: identity.role(.admin), .path("id", of: Invoice.self)
            ) { [invoices] in try await invoices.view($1, of: nil) },
            .get(
                "admin/invoices/{id}/download", "An invoice or a credit note of any organisation as PDF",
                requires: identity.role(.admin), .path("id", of: Invoice.self), problems: [.notConfigured, .overloaded]
            ) { [invoices] in try await invoices.download($1, of: nil) },
        ]
    }
}
