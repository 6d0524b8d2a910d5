/// A text that is compared byte by byte, as both databases compare the values of a key.
///
/// Swift's strings are equal where they are canonically equivalent (Unicode, "é" as one scalar or as two): as keys of a
/// set or a dictionary they would be one, where the database has two rows.
package struct UTF8Key: Sendable {
    package let text: String

    package init(_ text: String) { self.text = text }
}

extension UTF8Key: Hashable {
    package static func == (one: Self, other: Self) -> Bool { one.text.utf8.elementsEqual(other.text.utf8) }

    package func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}

extension UTF8Key: Comparable {
    package static func < (one: Self, other: Self) -> Bool { one.text.utf8.lexicographicallyPrecedes(other.text.utf8) }
}
