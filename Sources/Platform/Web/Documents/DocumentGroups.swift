/// The groups of endpoints in the documents, in their order, and what the documents say of all of them.
package struct DocumentGroups: Sendable {
    /// What the API is for, without a full stop.
    let summary: String
    /// Further sentences about every endpoint.
    let details: String
    package let all: [DocumentGroup]

    package init(_ summary: String, details: String, _ all: [DocumentGroup]) {
        self.summary = summary
        self.details = details
        self.all = all
    }
}

extension DocumentGroups: ExpressibleByArrayLiteral {
    package init(arrayLiteral elements: DocumentGroup...) { self.init("", details: "", elements) }
}
