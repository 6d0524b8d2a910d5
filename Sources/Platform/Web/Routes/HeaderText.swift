package import Base
package import HTTPTypes

/// An optional header field.
package struct HeaderText: Requirement {
    let name: HTTPField.Name
    let maximumLength: Int
    package var phase: RequestPhase { .body }
    package var problems: [Problem.Kind] { [.invalidRequest] }
    package var summary: RequirementSummary {
        RequirementSummary(.header, name.rawName, schema: .string(maxLength: maximumLength), isRequired: false)
    }

    package func check(_ request: Request) throws(Problem) -> String? {
        guard let text = request.headers[name] else { return nil }
        guard text.utf8.count <= maximumLength else {
            throw Problem(.invalidRequest, detail: "The header \(name.rawName) takes at most \(maximumLength) bytes.")
        }
        return text
    }
}

extension Requirement {
    package static func header(_ name: HTTPField.Name, upTo length: Int = 255) -> Self where Self == HeaderText {
        HeaderText(name: name, maximumLength: length)
    }
}
