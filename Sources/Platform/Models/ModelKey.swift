/// The key of a customer at a service. Descriptions and dumps do not contain it.
package struct ModelKey: Sendable, Hashable {
    let text: String

    /// - Returns: nil unless it consists of 1 to 512 visible characters of ASCII: it becomes part of a header field.
    package init?(_ text: String) {
        guard (1...512).contains(text.utf8.count), text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            return nil
        }
        self.text = text
    }

    /// `text` without the key: services repeat what was sent in messages of errors.
    func removed(from text: String) -> String { text.replacing(self.text, with: "…") }
}

extension ModelKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "a model key" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
