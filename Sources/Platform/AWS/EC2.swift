/// The Elastic Compute Cloud of a region: the actions that are needed to move a workload from one instance to another.
///
/// The files `EC2+….swift` have the actions by the objects that they concern.
package struct EC2: Sendable {
    let client: AWSClient
    let region: AWSRegion
    let credentials: AWSCredentials

    /// Pages of one list. A list that has more of them ends with an error.
    static let pagesMax = 1_000

    static func request(_ action: String, isRepeatable: Bool = true) -> QueryRequest {
        QueryRequest(service: "ec2", version: "2016-11-15", action: action, isRepeatable: isRepeatable)
    }

    func send(_ request: QueryRequest) async throws(AWSError) -> ResponseElement {
        try await client.send(request, in: region, with: credentials)
    }

    /// The elements of all pages of a list.
    /// - Parameters:
    ///   - list: the element of a response whose items are listed.
    ///   - itemsMax: no further page is requested when there are this many.
    /// - Returns: the items, and whether they are all.
    func pages(_ request: QueryRequest, _ list: String, itemsMax: Int = .max) async throws(AWSError)
        -> (items: [ResponseElement], isComplete: Bool)
    {
        var items: [ResponseElement] = []
        var token: String?
        for _ in 0..<Self.pagesMax {
            var page = request
            page.set("NextToken", token)
            let root = try await send(page)
            guard root[list] != nil else { throw .unreadable(request, list) }
            items += root.items(list)
            // The last page has no token, or an empty one.
            guard let next = root.string("nextToken") else { return (items, true) }
            if items.count >= itemsMax { return (items, false) }
            guard next != token else { throw .unreadable(request, "nextToken") }
            token = next
        }
        throw .unreadable(request, "last page")
    }

    /// Whether a response says that the action was executed.
    func isDone(_ root: ResponseElement) -> Bool { root.string("return") != "false" }
}
