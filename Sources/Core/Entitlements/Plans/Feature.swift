/// A feature that a plan includes or not. Products declare theirs.
package struct Feature: Sendable, Hashable {
    package let name: String
    package let title: String

    package init(_ name: String, title: String) {
        self.name = name
        self.title = title
    }
}
