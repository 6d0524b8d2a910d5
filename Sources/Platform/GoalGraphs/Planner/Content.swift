/// Where a step gets its input.
enum Content: Hashable, Sendable {
    case literal(String)
    case file(String)
    case url(String)
    /// The output of the clause before: "it".
    case previous
    /// Of the clauses before: "them".
    case severalPrevious
}
