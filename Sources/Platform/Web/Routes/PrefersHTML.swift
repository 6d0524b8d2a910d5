package import Base
import HTTPTypes

/// Whether the client prefers HTML to JSON, by its `Accept` header (RFC 9110 §12.5.1).
///
/// JSON is the default: without the header, for `*/*`, where both have the same weight, and where neither is
/// acceptable.
package struct PrefersHTML: Requirement {
    package var phase: RequestPhase { .body }
    package var problems: [Problem.Kind] { [] }
    package var summary: RequirementSummary { RequirementSummary(.header, "Accept", isRequired: false) }

    package func check(_ request: Request) -> Bool {
        let ranges = MediaRange.all(in: request.headers[.accept] ?? "*/*")
        return MediaRange.weight(of: ("text", "html"), in: ranges)
            > MediaRange.weight(of: ("application", "json"), in: ranges)
    }
}

extension Requirement where Self == PrefersHTML {
    package static var prefersHTML: Self { PrefersHTML() }
}
