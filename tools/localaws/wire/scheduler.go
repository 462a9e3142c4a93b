package wire

// schedulerOperations lists all operations of EventBridge Scheduler.
const schedulerOperations operationList = `
CreateSchedule POST 200 /schedules/{Name}
CreateScheduleGroup POST 200 /schedule-groups/{Name}
DeleteSchedule DELETE 200 /schedules/{Name} clientToken groupName
DeleteScheduleGroup DELETE 200 /schedule-groups/{Name} clientToken
GetSchedule GET 200 /schedules/{Name} groupName
GetScheduleGroup GET 200 /schedule-groups/{Name}
ListScheduleGroups GET 200 /schedule-groups MaxResults NamePrefix NextToken
ListSchedules GET 200 /schedules ScheduleGroup:GroupName MaxResults NamePrefix NextToken State
ListTagsForResource GET 200 /tags/{ResourceArn}
TagResource POST 200 /tags/{ResourceArn}
UntagResource DELETE 200 /tags/{ResourceArn} TagKeys
UpdateSchedule PUT 200 /schedules/{Name}
`
