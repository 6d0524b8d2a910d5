import HTTPTypes

/// An HTML page. Its Content-Security-Policy permits no script and nothing from another origin.
package struct HTMLPage: ResponseConvertible {
    let html: String
    package init(_ html: String) { self.html = html }

    package static var documented: [DocumentedResponse] { [DocumentedResponse(200, "A page", mediaType: "text/html")] }
    package func response() -> Response {
        var response = Response(text: html, mediaType: "text/html; charset=utf-8")
        response.headers[.contentSecurityPolicy] =
            "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; "
            + "frame-ancestors 'none'"
        response.headers[.referrerPolicy] = "no-referrer"
        return response
    }
}
