package import Base
import HTTPTypes

/// The requirement of a public endpoint. A route without requirements does not compile, so that none is public by
/// omission.
package struct PublicEndpoint: Requirement {
    package init() {}

    package var phase: RequestPhase { .network }
    package var problems: [Problem.Kind] { [] }
    package var summary: RequirementSummary { RequirementSummary(.public) }

    package func check(_ request: Request) -> ClientInfo {
        ClientInfo(
            address: request.address,
            requestID: request.requestID,
            userAgent: request.headers.value(of: .userAgent),
            cookies: request.cookies
        )
    }
}

extension Requirement where Self == PublicEndpoint {
    package static var `public`: Self { PublicEndpoint() }
}
