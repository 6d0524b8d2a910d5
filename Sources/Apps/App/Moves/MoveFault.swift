/// Why an installation cannot be moved to another database, in a sentence for the operator. Nothing was written to the
/// target, unless the sentence says so.
package struct MoveFault: Error, CustomStringConvertible {
    package let description: String

    init(_ sentence: String) { description = sentence }
}
