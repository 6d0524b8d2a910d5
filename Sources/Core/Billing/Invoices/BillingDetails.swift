import Identity
import Modules

/// What an organisation wants on its invoices. Without it, they name the organisation and its first owner's address.
struct BillingDetails: Sendable, Hashable {
    let name: String
    /// Up to six lines.
    let address: String
    /// An ISO 3166 code.
    let country: String?
    let taxID: String?
}

/// The SQL of billing details.
extension Transaction {
    func billingDetails(of organisation: ID<Organisation>) throws -> BillingDetails? {
        try first("SELECT * FROM billing_details WHERE organisation_id = \(organisation)") { row in
            BillingDetails(
                name: try row["name"], address: try row["address"], country: try row["country"],
                taxID: try row["tax_id"])
        }
    }

    func set(_ details: BillingDetails, of organisation: ID<Organisation>) throws {
        try execute(
            """
            INSERT INTO billing_details (organisation_id, name, address, country, tax_id, updated_at)
            VALUES (\(organisation), \(details.name), \(details.address), \(details.country), \(details.taxID), \(now))
            ON CONFLICT (organisation_id) DO UPDATE SET name = excluded.name, address = excluded.address,
                country = excluded.country, tax_id = excluded.tax_id, updated_at = excluded.updated_at
            """
        )
    }

    /// The buyer of an invoice that is issued now.
    func buyer(_ organisation: ID<Organisation>) throws -> InvoiceParty {
        let owner = try Contact.owners(of: organisation, in: self).first
        guard let details = try billingDetails(of: organisation) else {
            let name = try nameOfOrganisation(organisation) ?? owner?.name ?? ""
            return InvoiceParty(name: name, email: owner?.email)
        }
        return InvoiceParty(
            name: details.name, address: details.address, email: owner?.email, taxID: details.taxID)
    }
}
