/* Lets the real `xl create -n FILE` judge a configuration on a machine that has no Xen.
 *
 * Preloaded before libxenlight, it answers the few questions that xl would put to the hypervisor and
 * to xenstore, as a PC with eight processors and an IOMMU. It reads nothing of the configuration:
 * that is xl's own work, and what is tested.
 *
 * Built with the headers of the same release and -DXEN_MINOR=17 or 20.
 */
#include <errno.h>
#include <libxl.h>
#include <stddef.h>

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
