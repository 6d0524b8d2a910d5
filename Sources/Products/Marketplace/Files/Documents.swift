import Identity
import Modules

/// A document of an organisation: a file that it has uploaded, or an address.
enum MarketplaceDocument: Sendable {}

/// Documents: seen by their organisation alone.
enum Documents: Resource {
    typealias Subject = MarketplaceDocument

    static let name = "documents"
    static let article = "a document"
    static let table: SQL = "marketplace_documents"
    static let fields: [ResourceField] = [
        .required("name", .text(1...200), [.searched, .sorted]),
        .optional("document_type", .text(1...60), .filtered),
        .optional("event_id", .id, .filtered),
        .optional("file_id", .id, .filtered),
        .optional("url", .webAddress),
        .optional("notes", .text(0...5_000), .searched),
    ]

    static func check(new row: inout ResourceDraft, by scope: Scope, in transaction: Transaction) throws {
        try checkReferences(of: row, scope.organisation, in: transaction)
    }

    static func check(
        _ changes: inout ResourceDraft, of row: ResourceRow<Self>, by scope: Scope, in transaction: Transaction
    ) throws {
        try checkReferences(of: changes, row.organisation, in: transaction)
    }

    private static func checkReferences(
        of draft: ResourceDraft, _ organisation: ID<Organisation>, in transaction: Transaction
    ) throws {
        if let event: ID<MarketplaceEvent> = draft.id("event_id"),
            try transaction.event(event, of: organisation) == nil
        {
            throw Problem.invalid("/event_id", "names no event of your organisation")
        }
        if let file: ID<StoredFile> = draft.id("file_id"), try transaction.storedFile(file, of: organisation) == nil {
            throw Problem.invalid("/file_id", "names no file of your organisation")
        }
    }
}
