/// The reason why trees cannot be trained or read: one sentence, with what is wrong.
package struct BoostingFault: Error, Sendable, Hashable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
