/* Lets the real `xl create -n FILE` judge a configuration on a machine that has no Xen.
 *
 * Preloaded before libxenlight, it answers the few questions that xl would put to the hypervisor and
 * to xenstore, as a PC with eight processors and an IOMMU. It reads nothing of the configuration:
 * that is xl's own work, and what is tested.
 *
 * With XL_MANY=N in the environment N files named 000000.cfg and so on are judged one after the other, without
 * a new program for each, and one status a line is said.
 *
 * Built with the headers of the same release and -DXEN_MINOR=17 or 20.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libxl.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CPUS = 8 };

/* What stands for an open connection; nobody looks inside. */
static max_align_t hypervisor[512], store[512];

void *xc_interface_open(void *logger, void *domain_builder, unsigned flags) { return hypervisor; }
int xc_interface_close(void *handle) { return 0; }
int xc_get_max_cpus(void *handle) { return CPUS; }
int xc_get_max_nodes(void *handle) { return 1; }

void *xs_open(unsigned long flags) { return store; }
void xs_close(void *handle) {}
void *xs_read(void *handle, unsigned transaction, const char *path, unsigned *length)
{
    errno = ENOENT;
    return NULL;
}

int libxl_get_max_cpus(libxl_ctx *ctx) { return CPUS; }
int libxl_get_online_cpus(libxl_ctx *ctx) { return CPUS; }

const libxl_version_info *libxl_get_version_info(libxl_ctx *ctx)
{
    static char nothing[] = "", line[] = "dom0_mem=4096M,max:4096M";
    static const libxl_version_info version = {
        .xen_version_major = 4, .xen_version_minor = XEN_MINOR, .xen_version_extra = nothing,
        .compiler = nothing, .compile_by = nothing, .compile_domain = nothing, .compile_date = nothing,
        .capabilities = nothing, .changeset = nothing, .build_id = nothing, .commandline = line,
        .pagesize = 4096,
    };
    return &version;
}

int libxl_get_physinfo(libxl_ctx *ctx, libxl_physinfo *info)
{
    info->nr_cpus = CPUS;
    info->max_cpu_id = CPUS - 1;
    info->nr_nodes = 1;
    info->cap_hvm = info->cap_pv = info->cap_hap = info->cap_hvm_directio = 1;
    return 0;
}

/* --- many files in one process ------------------------------------------------------------------- */

enum { A_CHILD = 400 }; /* files that one child judges: what xl leaves open goes with the child */
static int (*xl_main)(int, char **, char **);
static jmp_buf ended;
static FILE *answers;

/* xl ends by exit(), wherever it is; here that is the way back to the next file. */
void exit(int status)
{
    if (answers)
        longjmp(ended, 256 + (status & 255));
    fflush(NULL);
    _exit(status);
}

static void judge(int argc, char **argv, char **environment, int i)
{
    char *last = argv[argc - 1], *number = last + strlen(last) - strlen("000000.cfg");
    for (int digit = 5, rest = i; digit >= 0; digit--, rest /= 10)
        number[digit] = '0' + rest % 10;
    optind = 0;
    alarm(20);
    int status = setjmp(ended);
    if (!status)
        status = 256 + (xl_main(argc, argv, environment) & 255);
    fprintf(answers, "%d\n", status - 256);
    fflush(answers);
}

static int many(int argc, char **argv, char **environment)
{
    int count = atoi(getenv("XL_MANY"));
    int *done = mmap(NULL, sizeof *done, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (*done = 0; *done < count;) {
        int status, first = *done;
        pid_t child = fork();
        if (child == 0) {
            answers = fdopen(dup(1), "w");
            int nowhere = open("/dev/null", O_WRONLY);
            dup2(nowhere, 1);
            dup2(nowhere, 2);
            for (; *done < count && *done < first + A_CHILD; (*done)++)
                judge(argc, argv, environment, *done);
            _exit(0);
        }
        if (child < 0 || waitpid(child, &status, 0) != child)
            return 1;
        if (WIFSIGNALED(status)) {
            printf("%d\n", -WTERMSIG(status));
            fflush(stdout);
            (*done)++;
        }
    }
    return 0;
}

int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*rtld_fini)(void), void *stack_end)
{
    int (*real)(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void), void (*)(void),
                void *) = dlsym(RTLD_NEXT, "__libc_start_main");
    xl_main = main;
    return real(getenv("XL_MANY") ? many : main, argc, argv, init, fini, rtld_fini, stack_end);
}
