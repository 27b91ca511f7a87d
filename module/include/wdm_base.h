/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Windows' basic types, annotations and small macros, for wdm.h. Nothing here is about
 * notification, and nothing needs dhp.ko.
 *
 * Include wdm.h, and not this file.
 */
#ifndef _DHP_WDM_BASE_H
#define _DHP_WDM_BASE_H

#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/types.h>

/* ---- Annotations -------------------------------------------------------- */

/* They say something to Windows' analysers, and nothing to the compiler. */
#ifndef IN
#define IN
#endif
#ifndef OUT
#define OUT
#endif
#ifndef OPTIONAL
#define OPTIONAL
#endif
#ifndef NTAPI
#define NTAPI
#endif

#define _In_
#define _In_opt_
#define _In_reads_(count)
#define _In_reads_opt_(count)
#define _In_reads_bytes_(bytes)
#define _In_reads_bytes_opt_(bytes)
#define _Out_
#define _Out_opt_
#define _Out_writes_(count)
#define _Out_writes_opt_(count)
#define _Out_writes_bytes_(bytes)
#define _Out_writes_bytes_opt_(bytes)
#define _Outptr_
#define _Outptr_opt_
#define _Outptr_result_maybenull_
#define _Inout_
#define _Inout_opt_
#define _Inout_updates_(count)
#define _Inout_updates_bytes_(bytes)
#define _Reserved_
#define _Ret_maybenull_
#define _Ret_notnull_
#define _Check_return_
#define _Must_inspect_result_
#define _Success_(expression)
#define _When_(expression, annotations)
#define _At_(target, annotations)
#define _Pre_notnull_
#define _Post_notnull_
#define _Field_size_(count)
#define _Field_size_bytes_(bytes)
#define _Use_decl_annotations_
#define _Function_class_(name)
#define _Analysis_assume_(expression)
#define _IRQL_requires_(irql)
#define _IRQL_requires_max_(irql)
#define _IRQL_requires_min_(irql)
#define _IRQL_requires_same_
#define _IRQL_raises_(irql)
#define _IRQL_saves_
#define _IRQL_restores_
#define _IRQL_always_function_min_(irql)
#define _IRQL_always_function_max_(irql)
#define _Requires_lock_held_(lock)
#define _Requires_lock_not_held_(lock)
#define _Acquires_lock_(lock)
#define _Releases_lock_(lock)
#define _Acquires_exclusive_lock_(lock)
#define _Releases_exclusive_lock_(lock)
#define _Acquires_shared_lock_(lock)
#define _Releases_shared_lock_(lock)
#define _Guarded_by_(lock)

/* ---- Types -------------------------------------------------------------- */

#ifndef VOID
#define VOID		void
#endif
#ifndef TRUE
#define TRUE		1
#endif
#ifndef FALSE
#define FALSE		0
#endif

typedef void *PVOID;
typedef void *HANDLE;
typedef s8 CCHAR, *PCCHAR;
typedef u8 UCHAR, *PUCHAR;
typedef u8 BOOLEAN, *PBOOLEAN;
typedef u16 USHORT, *PUSHORT;
typedef u16 WCHAR, *PWCHAR, *PWSTR;
typedef s32 LONG, *PLONG;
typedef u32 ULONG, *PULONG;
typedef s64 LONGLONG, *PLONGLONG;
typedef u64 ULONGLONG, *PULONGLONG;
typedef u64 ULONG64, *PULONG64;
typedef size_t SIZE_T, *PSIZE_T;
typedef u64 KAFFINITY, *PKAFFINITY;
typedef s32 NTSTATUS, *PNTSTATUS;

/* A number of 64 bits, and its halves. */
typedef union _LARGE_INTEGER {
	struct {
		ULONG LowPart;
		LONG HighPart;
	};
	struct {
		ULONG LowPart;
		LONG HighPart;
	} u;
	LONGLONG QuadPart;
} LARGE_INTEGER, *PLARGE_INTEGER;

/**
 * struct _GUID - names a kind of event or of device
 * @Data1: first eight hexadecimal digits
 * @Data2: next four
 * @Data3: next four
 * @Data4: the other sixteen, a byte for two
 */
struct _GUID {
	ULONG Data1;
	USHORT Data2;
	USHORT Data3;
	UCHAR Data4[8];
};

typedef struct _GUID GUID;
typedef struct _GUID *LPGUID;
typedef const struct _GUID *REFGUID;

/**
 * IsEqualGUID() - compare two GUIDs
 * @a: one
 * @b: the other
 *
 * Takes pointers, as Windows' headers do for C.
 *
 * Return: TRUE or FALSE.
 */
static inline BOOLEAN IsEqualGUID(REFGUID a, REFGUID b)
{
	return !memcmp(a, b, sizeof(*a));
}

/**
 * struct _UNICODE_STRING - a counted string of UTF-16 units
 * @Length: bytes in use, without a terminating zero
 * @MaximumLength: bytes that @Buffer has room for
 * @Buffer: the string. Where dhp hands one out it is zero-terminated.
 */
struct _UNICODE_STRING {
	USHORT Length;
	USHORT MaximumLength;
	PWSTR Buffer;
};

typedef struct _UNICODE_STRING UNICODE_STRING;
typedef struct _UNICODE_STRING *PUNICODE_STRING;
typedef const struct _UNICODE_STRING *PCUNICODE_STRING;

/* A group has this many processors; the processor with index I is Linux' CPU I. */
#define MAXIMUM_PROCESSORS_PER_GROUP	64
#define ALL_PROCESSOR_GROUPS		0xffff
#define INVALID_PROCESSOR_INDEX		0xffffffff

/**
 * struct _PROCESSOR_NUMBER - a processor by group
 * @Group: the processor's index divided by 64
 * @Number: the rest
 * @Reserved: 0
 */
struct _PROCESSOR_NUMBER {
	USHORT Group;
	UCHAR Number;
	UCHAR Reserved;
};

typedef struct _PROCESSOR_NUMBER PROCESSOR_NUMBER;
typedef struct _PROCESSOR_NUMBER *PPROCESSOR_NUMBER;

/* ---- Threads ------------------------------------------------------------ */

/* A thread is Linux' task. Nothing of Windows' structure is in it. */
typedef struct task_struct *PKTHREAD;
typedef struct task_struct *PETHREAD;

/**
 * KeGetCurrentThread() - the thread that calls
 *
 * Context: Any. In an interrupt and in a DPC it is the thread that was interrupted.
 * Return: its task. The caller gets no reference.
 */
static inline PKTHREAD KeGetCurrentThread(void)
{
	return current;
}

/**
 * PsGetCurrentThread() - the thread that calls
 *
 * Context: Any.
 * Return: as KeGetCurrentThread().
 */
static inline PETHREAD PsGetCurrentThread(void)
{
	return current;
}

/* ---- Small macros ------------------------------------------------------- */

/*
 * In front of a function, with or without "static". In a header it needs "static": without
 * it, each file that includes the header defines the function for all others.
 */
#ifndef FORCEINLINE
#define FORCEINLINE	__always_inline
#endif

/**
 * PAGED_CODE() - say that a function may sleep
 *
 * Kernels that check it warn when it runs where sleeping is not allowed. Linux does not page
 * out its code, so it says nothing else here.
 *
 * Context: Process context; may sleep.
 */
#define PAGED_CODE()	might_sleep()

/* Say that @parameter is not used. */
#define UNREFERENCED_PARAMETER(parameter)	((void)(parameter))

/* The place of @field in @type, in bytes. */
#ifndef FIELD_OFFSET
#define FIELD_OFFSET(type, field)		((LONG)offsetof(type, field))
#endif

/* Refuse to compile unless @expression, which is constant, holds. */
#ifndef C_ASSERT
#define C_ASSERT(expression)			static_assert(expression)
#endif

/**
 * RtlCopyMemory() - copy bytes
 * @Destination: where to
 * @Source: where from; must not overlap with it
 * @Length: how many
 *
 * Context: Any.
 */
#define RtlCopyMemory(Destination, Source, Length)	memcpy(Destination, Source, Length)

/**
 * RtlZeroMemory() - set bytes to 0
 * @Destination: the first one
 * @Length: how many
 *
 * Context: Any.
 */
#define RtlZeroMemory(Destination, Length)		memset(Destination, 0, Length)

#endif /* _DHP_WDM_BASE_H */
