/// The client of a request that needs no credential.
package struct ClientInfo: Sendable {
    package let address: String
    package let requestID: String
    package let userAgent: String?
    package let cookies: Cookies

    package init(address: String, requestID: String, userAgent: String?, cookies: Cookies = Cookies()) {
        self.address = address
        self.requestID = requestID
        self.userAgent = userAgent
        self.cookies = cookies
    }
}
