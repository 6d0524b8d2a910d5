package import Base

/// An id in the path. Text that is not an id answers 404.
package struct PathID<Subject>: Requirement {
    let name: String
    package var phase: RequestPhase { .body }
    package var problems: [Problem.Kind] { [.notFound] }
    package var summary: RequirementSummary { RequirementSummary(.path, name, schema: ID<Subject>.schema) }

    package func check(_ request: Request) throws(Problem) -> ID<Subject> {
        guard let id = request.parameters[name].flatMap({ ID<Subject>($0) }) else { throw Problem(.notFound) }
        return id
    }
}

/// A text in the path: 1 to 255 Unicode scalars, none of them NUL.
package struct PathText: Requirement {
    let name: String
    package var phase: RequestPhase { .body }
    package var problems: [Problem.Kind] { [.notFound] }
    package var summary: RequirementSummary {
        RequirementSummary(.path, name, schema: .string(minLength: 1, maxLength: 255))
    }

    package func check(_ request: Request) throws(Problem) -> String {
        guard let text = request.parameters[name], (1...255).contains(text.unicodeScalars.count),
            !text.hasNUL
        else {
            throw Problem(.notFound)
        }
        return text
    }
}

extension Requirement {
    package static func path<Subject>(_ name: String, of _: Subject.Type) -> Self where Self == PathID<Subject> {
        PathID(name: name)
    }
    package static func path(_ name: String) -> Self where Self == PathText { PathText(name: name) }
}
