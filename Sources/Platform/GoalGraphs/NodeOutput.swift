/// What a node's tool produced, as far as later nodes and success criteria use it.
package struct NodeOutput: Hashable, Sendable, Codable {
    /// The body of a response, the content of a file, a table as CSV, an answer: what a reference stands for.
    package var text: String
    /// The HTTP status of a response, or the exit status of a command.
    package var status: Int?
    /// The rows of a table without its header, or the elements of a JSON array.
    package var rows: Int?

    package init(text: String, status: Int? = nil, rows: Int? = nil) {
        self.text = text
        self.status = status
        self.rows = rows
    }
}
