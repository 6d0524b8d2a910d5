import Base
import HTTPTypes

extension Request {
    /// - Throws: 415 for a body with a `Content-Encoding` (RFC 9110, section 15.5.16).
    func checkBodyCoding() throws(Problem) {
        let codings = headers[values: .contentEncoding].flatMap { $0.split(separator: ",") }.map {
            $0.filter { $0 != " " && $0 != "\t" }.lowercased()
        }
        guard codings.allSatisfy({ $0.isEmpty || $0 == "identity" }) else {
            throw Problem(
                .unsupportedMediaType,
                detail: "The body is compressed, by its Content-Encoding. Send it without compression.",
                headers: ["Accept-Encoding": "identity"])
        }
    }
}
