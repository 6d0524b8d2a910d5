extension EC2 {
    /// The tags of all objects that the filters fit, such as `EC2Filter("key", "session")` with
    /// `EC2Filter("value", id)`. Objects that were removed can be listed for some time.
    package func taggedResources(_ filters: [EC2Filter]) async throws(AWSError) -> [EC2TaggedResource] {
        var request = Self.request("DescribeTags")
        request.set(filters)
        return try await pages(request, "tagSet").items.compactMap { EC2TaggedResource($0) }
    }

    /// Sets tags; a tag of the same key is replaced.
    /// - Parameter ids: up to 500 objects.
    package func setTags(_ tags: [EC2Tag], of ids: [String]) async throws(AWSError) {
        var request = Self.request("CreateTags")
        request.set("ResourceId", list: ids)
        for (index, tag) in tags.enumerated() {
            request.set("Tag.\(index + 1).Key", tag.key)
            request.set("Tag.\(index + 1).Value", tag.value)
        }
        guard isDone(try await send(request)) else { throw .unreadable(request, "return") }
    }
}
