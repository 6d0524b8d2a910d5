extension EC2 {
    /// Instances, also those that were terminated within the last hour.
    /// - Parameter ids: all of the account's where there is none.
    /// - Throws: ``AWSError``; `notFound` where one of the ids is unknown.
    package func instances(_ ids: [String] = [], _ filters: [EC2Filter] = []) async throws(AWSError) -> [EC2Instance] {
        var request = Self.request("DescribeInstances")
        request.set("InstanceId", list: ids)
        request.set(filters)
        let elements = try await pages(request, "reservationSet").items.flatMap { $0.items("instancesSet") }
        let instances = elements.compactMap { EC2Instance($0) }
        guard instances.count == elements.count else { throw .unreadable(request, "reservationSet") }
        return instances
    }

    /// The status checks of instances in any state.
    package func instanceStatus(_ ids: [String]) async throws(AWSError) -> [EC2InstanceStatus] {
        var request = Self.request("DescribeInstanceStatus")
        request.set("InstanceId", list: ids)
        request.set("IncludeAllInstances", "true")
        return try await pages(request, "instanceStatusSet").items.compactMap { EC2InstanceStatus($0) }
    }

    /// Launches one instance. A repetition with the same client token returns the same instance.
    package func launch(_ launch: EC2LaunchRequest) async throws(AWSError) -> EC2Instance {
        var request = Self.request("RunInstances")
        request.set("ImageId", launch.imageID)
        request.set("InstanceType", launch.instanceType)
        request.set("MinCount", "1")
        request.set("MaxCount", "1")
        request.set("ClientToken", launch.clientToken)
        request.set("SubnetId", launch.subnetID)
        if launch.subnetID == nil { request.set("Placement.AvailabilityZone", launch.availabilityZone) }
        request.set("KeyName", launch.keyName)
        request.set("SecurityGroupId", list: launch.securityGroupIDs)
        if launch.isSpot {
            request.set("InstanceMarketOptions.MarketType", "spot")
            // A one-time request ends with its instance, so that nothing is launched again later.
            request.set("InstanceMarketOptions.SpotOptions.SpotInstanceType", "one-time")
            request.set("InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior", "terminate")
            request.set("InstanceMarketOptions.SpotOptions.MaxPrice", launch.maxPrice)
        }
        request.set(launch.tags, of: ["instance", "volume"] + (launch.isSpot ? ["spot-instances-request"] : []))
        let instances = try await send(request).items("instancesSet").compactMap { EC2Instance($0) }
        guard let instance = instances.first else { throw .unreadable(request, "instancesSet") }
        return instance
    }

    /// Stops instances; those that are stopped stay so. Instances of one-time spot requests cannot be stopped.
    package func stop(_ ids: [String]) async throws(AWSError) -> [EC2StateChange] {
        try await change(ids, "StopInstances")
    }

    /// Starts instances that were stopped.
    package func start(_ ids: [String]) async throws(AWSError) -> [EC2StateChange] {
        try await change(ids, "StartInstances")
    }

    /// Terminates instances for good; those that are terminated stay so, for the hour in which they are listed.
    package func terminate(_ ids: [String]) async throws(AWSError) -> [EC2StateChange] {
        try await change(ids, "TerminateInstances")
    }

    private func change(_ ids: [String], _ action: String) async throws(AWSError) -> [EC2StateChange] {
        var request = Self.request(action)
        request.set("InstanceId", list: ids)
        let changes = try await send(request).items("instancesSet").compactMap { EC2StateChange($0) }
        guard changes.count == ids.count else { throw .unreadable(request, "instancesSet") }
        return changes
    }
}
