package import HTTPTypes

/// Header fields that steps add to the response of a request, whatever its status. They are kept in
/// ``Request/context``.
package struct ResponseFields: Sendable {
    package var fields: [(name: HTTPField.Name, value: String)]

    package init(_ fields: [(name: HTTPField.Name, value: String)]) { self.fields = fields }

    func add(to response: inout Response) {
        for field in fields { response.headers[field.name] = field.value }
    }
}
