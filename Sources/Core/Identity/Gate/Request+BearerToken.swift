import HTTPTypes
package import Modules

extension Request {
    /// The token in the header `Authorization: Bearer …`, with any number of spaces before it; nil for another scheme.
    package var bearerToken: String? {
        headers.value(of: .authorization).flatMap { BearerReader.token(in: $0) }.map(String.init)
    }
}
