package import Modules

/// The name of a topic within an organisation: the name of its family, a dot, and words of letters, digits, `_`, `-`
/// and `.`, such as `training.01976f3e-8a51-7cc2-9f57-0d6ae7f3b2aa`. At most 128 bytes.
package struct TopicName: Hashable, Sendable {
    package let text: String
    /// The name of its ``TopicFamily``.
    package let family: String
    /// What follows the family and the dot.
    package let subject: String

    package static let bytesMax = 128

    /// - Returns: nil for text of another form.
    package init?(_ text: String) {
        guard text.utf8.count <= Self.bytesMax, let dot = text.firstIndex(of: ".") else { return nil }
        let (family, subject) = (text[..<dot], text[text.index(after: dot)...])
        guard TopicFamily.isName(family), !subject.isEmpty, subject.utf8.allSatisfy(Self.isAllowed) else { return nil }
        self.text = text
        self.family = String(family)
        self.subject = String(subject)
    }

    /// - Parameters:
    ///   - family: the name of the product's family.
    ///   - subject: the id of what the topic is about.
    package init<Subject>(family: String, _ subject: ID<Subject>) {
        self.family = family
        self.subject = subject.text
        text = "\(family).\(subject)"
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}

extension TopicName: CustomStringConvertible {
    package var description: String { text }
}

extension TopicName: SQLBindable {
    package var sqlValue: SQL.Value { .text(text) }
}
